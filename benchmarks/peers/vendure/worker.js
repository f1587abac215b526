const { bootstrapWorker } = require('@vendure/core');
const { config } = require('./config');

async function work() {
  const worker = await bootstrapWorker(config);
  await worker.startJobQueue();
  await worker.startHealthCheckServer({ hostname: '127.0.0.1', port: Number(process.env.WORKER_PORT) });
}

work().catch(error => {
  console.error(error);
  process.exit(1);
});

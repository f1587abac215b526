// Vendure as its project template has it: jobs and search in PostgreSQL. No mails, no pictures, no dashboard.
const {
  DefaultJobQueuePlugin, DefaultLogger, DefaultSchedulerPlugin, DefaultSearchPlugin, LogLevel, dummyPaymentHandler,
} = require('@vendure/core');

const { ADMIN_PASSWORD, DATABASE_URL, SHOP_PORT, SEEDING } = process.env;

exports.config = {
  apiOptions: { hostname: '127.0.0.1', port: Number(SHOP_PORT), shopApiPath: 'shop-api', adminApiPath: 'admin-api' },
  authOptions: {
    tokenMethod: 'bearer',
    requireVerification: false,
    superadminCredentials: { identifier: 'administrator', password: ADMIN_PASSWORD },
  },
  dbConnectionOptions: {
    type: 'postgres', url: DATABASE_URL, poolSize: 30, synchronize: SEEDING === 'yes', migrations: [], logging: false,
  },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  logger: new DefaultLogger({ level: LogLevel.Warn, timestamp: false }),
  plugins: [
    DefaultJobQueuePlugin.init({ useDatabaseForBuffer: true }),
    DefaultSchedulerPlugin.init(),
    DefaultSearchPlugin.init({ bufferUpdates: false, indexStockStatus: true }),
  ],
  importExportOptions: { importAssetsDir: __dirname },
};

// A gateway as one writes it with Fastify: jose verifies the token with the realm's keys, http-proxy forwards.
import cluster from 'node:cluster';
import proxy from '@fastify/http-proxy';
import Fastify from 'fastify';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const { PORT, WORKERS, UPSTREAM, ISSUER, KEYS } = process.env;

async function verify(request, reply) {
  try {
    const token = (request.headers.authorization || '').slice('Bearer '.length);
    request.jwt = (await jwtVerify(token, keys, { algorithms: ['RS256'], issuer: ISSUER, audience: 'microcommerce' })).payload;
  } catch {
    return reply.code(401).send();
  }
}

const keys = createRemoteJWKSet(new URL(KEYS));
if (cluster.isPrimary) {
  for (let number = 0; number < Number(WORKERS); number++) cluster.fork();
} else {
  const app = Fastify({ logger: false, keepAliveTimeout: 3_600_000 });
  app.register(proxy, {
    upstream: UPSTREAM, prefix: '/api', rewritePrefix: '/api', preHandler: verify,
    undici: { connections: 128, pipelining: 1 },
  });
  await app.listen({ port: Number(PORT), host: '127.0.0.1' });
}

import { parseArgs } from 'node:util';
import { runProgram } from './cli-error.ts';
import { startEndpointService } from './endpoint-service.ts';
import { dataDirectory } from './project.ts';
import { tellLauncher } from './service-message.ts';
import { stopRequest } from './stop-request.ts';

// node scripts/stack/serve-endpoint.ts [--port N] [--leave-as-is] [--network-ms N]
// The database end of the local stack as a process of its own: embedded, or LOCAL_POSTGRES_URL; as far away as is said.
runProgram(async () => {
  const stop = stopRequest();
  const { values } = parseArgs({
    options: {
      port: { type: 'string' },
      'leave-as-is': { type: 'boolean' },
      'network-ms': { type: 'string' },
    },
  });
  const service = await startEndpointService({
    port: Number(values.port ?? 0),
    dataDirectory: dataDirectory(),
    postgresUrl: process.env.LOCAL_POSTGRES_URL || null,
    prepare: !values['leave-as-is'],
    networkMs: Number(values['network-ms'] ?? 0),
  });
  tellLauncher({ kind: 'listening', port: service.port });
  try {
    await service.ready;
  } catch (error) {
    if (!process.connected) throw error;
    tellLauncher({ kind: 'failed', reason: (error as Error).message });
    await service.close();
    process.exit(1);
  }
  tellLauncher({ kind: 'ready' });
  if (!process.connected) console.log(`Neon endpoint at http://127.0.0.1:${service.port}/sql`);
  await stop;
  await service.close();
  process.exit(0);
});

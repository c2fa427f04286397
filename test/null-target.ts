/**
 * A runnable target over memory, through the real server, for measurements and other people's
 * suites:
 *
 *   npx node test/null-target.ts [PORT] [MIB] [BLOCK-SIZE]
 *
 * Prints the URL of LUN 0 and serves until it is interrupted. CHAP_USER and CHAP_SECRET in the environment
 * make it ask for CHAP, LUNS give it more than one LUN.
 */
import { LogicalUnits } from '../iscsi/scsi/logical-units.ts';
import { ScsiTarget } from '../iscsi/scsi/scsi-target.ts';
import { IscsiServer } from '../iscsi/server.ts';
import type { Target, TargetDirectory } from '../iscsi/target/directory.ts';
import type { Logger } from '../src/base/ports.ts';
import { RealClock } from '../src/io/real-clock.ts';
import { RealRandom } from '../src/io/real-random.ts';
import { MemoryDevice } from './memory-device.ts';

const MIB = 1024 * 1024;
const [port = '3261', sizeMib = '1024', blockSize = '512'] = process.argv.slice(2);
const { CHAP_USER: user, CHAP_SECRET: secret, DEBUG: debug, LUNS: luns = '1' } = process.env;
const iqn = 'iqn.2026-01.org.example:null';

const say = (facts: object, message: string): void => {
  if (debug !== undefined) process.stderr.write(`${message} ${JSON.stringify(facts)}\n`);
};
const log: Logger = { debug: say, info: say, warn: say, error: say };

const blockSizeBytes = blockSize === '4096' ? 4096 : 512;
const blocks = (Number(sizeMib) * MIB) / blockSizeBytes;
const clock = new RealClock();
const random = new RealRandom();
const product = { vendor: 'NULL', product: 'MEMORY', revision: '0001' };
const device = new ScsiTarget(new LogicalUnits({ ...product, clock, random }));
for (let lun = 0; lun < Number(luns); lun++) {
  device.mapLun(lun, new MemoryDevice({ blocks, blockSizeBytes, volatileCache: true }));
}

const target: Target = {
  iqn,
  alias: '',
  access: {
    open: false,
    allowed: [],
    chap:
      user === undefined || secret === undefined
        ? null
        : { user, secret: new TextEncoder().encode(secret) },
    mutualChap: null,
  },
  redirect: null,
  device,
  luns: () => device.luns(),
};

const directory: TargetDirectory = {
  ready: true,
  find: (name) => (name === iqn ? target : null),
  list: () => [target],
  portals: () => [],
};

const server = new IscsiServer({
  directory,
  clock,
  random,
  log,
});
const addresses = await server.listen([
  { host: '127.0.0.1', port: Number(port), advertised: null, portalGroupTag: 1 },
]);
process.stdout.write(`iscsi://127.0.0.1:${addresses[0]?.port ?? port}/${iqn}/0\n`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void server.drain(2000);
  });
}

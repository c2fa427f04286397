/** A process that locks the directory of its argument and waits to be killed. */
import { RealDisk } from '../../src/io/real-disk.ts';

await new RealDisk(process.argv[2] ?? '').lock();
process.stdout.write('locked\n');
setInterval(() => undefined, 1000);

import { WorkerCompression } from '../../src/io/compression.ts';
import { SimWorld } from '../sim/sim-world.ts';
import { compressionSuite } from './compression-suite.ts';
import type { Compression } from '../../src/base/ports.ts';

/** Its answers come by themselves. */
function simulated(): Compression {
  const world = new SimWorld(1);
  const { compression } = world;
  return {
    compress: (chunks, done) => {
      compression.compress(chunks, done);
      void world.run();
    },
    expand: (chunks, done) => {
      compression.expand(chunks, done);
      void world.run();
    },
    expandNow: (chunk) => compression.expandNow(chunk),
  };
}

compressionSuite('the real one', () => new WorkerCompression());
compressionSuite('the simulated one', simulated);

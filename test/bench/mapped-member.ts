/** A member with a volume whose map was made by a loader (pool/synthetic-map.ts), exported as a LUN. */
import { join } from 'node:path';
import { Scale } from '../peers/scale.ts';
import { pinned } from './load-tool.ts';
import { RealPool } from './pool/real-pool.ts';
import { adoptMap, makeSyntheticMap, type SyntheticMap } from './pool/synthetic-map.ts';

const CHUNK_BYTES = 4096;
const DISK_BYTES = 16 * 2 ** 30;
const VOLUME = 'mapped';

export interface MappedSpec {
  /** From the beginning of the volume. */
  readonly mappedBytes: number;
  readonly sizeBytes: number;
  /** See `makeSyntheticMap`. */
  readonly idOf?: (chunkNumber: number) => number;
  /** More of `serve`. */
  readonly args?: readonly string[];
}

export interface MappedMember {
  readonly scale: Scale;
  readonly url: string;
  readonly mapPages: number;
}

/** Makes the pool in `folder` and starts a member on it. */
export async function startMapped(folder: string, spec: MappedSpec): Promise<MappedMember> {
  const mapPages = await makePool(folder, spec);
  const args = ['--disk', `${join(folder, 'disk')},size=${String(DISK_BYTES)}`];
  const scale = await Scale.start({
    dataDirectory: join(folder, 'data'),
    args: [...args, ...(spec.args ?? [])],
    wrapper: pinned,
  });
  const iqn = 'iqn.2026-01.org.example:mapped';
  await scale.cli('target', 'create', iqn);
  await scale.cli('target', 'map', iqn, VOLUME, '--lun', '0');
  return { scale, url: `iscsi://127.0.0.1:${String(scale.portalPort)}/${iqn}/0`, mapPages };
}

async function makePool(folder: string, spec: MappedSpec): Promise<number> {
  const { mappedBytes, sizeBytes, idOf } = spec;
  const maps: SyntheticMap[] = [];
  const real = await RealPool.open(folder, {
    capacityBytes: DISK_BYTES,
    beforeOpen: async (ports) => {
      maps.push(await makeSyntheticMap(ports, mappedBytes / CHUNK_BYTES, idOf));
    },
  });
  const [map] = maps;
  if (map === undefined) throw new Error('the map is made before the pool is opened');
  const volume = await real.createVolume(VOLUME, {
    sizeBytes,
    dedup: 'pre-ack',
    compression: 'lz4',
  });
  adoptMap(volume, map);
  await real.close();
  return map.pages;
}

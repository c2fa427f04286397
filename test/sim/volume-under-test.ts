import { BlockModel } from './block-model.ts';
import type { Command } from './block-model.ts';
import type { VolumeShape } from './subject.ts';

/** A volume as the harness remembers it. */
export class VolumeUnderTest {
  readonly shape: VolumeShape;
  readonly model: BlockModel;
  /** Null until it is known. */
  id: number | null = null;
  /** Whether it must be there; the two others: it may, until the next start tells. */
  presence: 'there' | 'being made' | 'being removed' = 'being made';
  /** Sizes in blocks that it may have; more than one while a resize is open. */
  sizes: number[];
  /** Zeroes that a shrink under way writes behind the new end. */
  cutting: Command | null = null;
  cuts = 0;

  constructor(shape: VolumeShape) {
    this.shape = shape;
    this.model = new BlockModel(shape);
    this.sizes = [shape.blocks];
  }

  beginResize(blocks: number): void {
    const now = this.model.blocks;
    this.sizes = [now, blocks];
    if (blocks < now) this.cutting = this.model.callCut(blocks);
  }

  /** Its size is known (again). */
  hasSize(blocks: number): void {
    if (this.cutting !== null && blocks < this.model.blocks) {
      this.model.returned(this.cutting, 'happened', { durable: true });
      this.cuts += 1;
    }
    this.cutting = null;
    if (blocks !== this.model.blocks) this.model.resize(blocks);
    this.sizes = [blocks];
  }
}

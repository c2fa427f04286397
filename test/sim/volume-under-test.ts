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
  /** What a change of the size that is under way does with it: zeroes that a shrink writes behind the new
   * end, or all that a rollback brings back. */
  changing: Command | null = null;
  cuts = 0;
  /** How many rollbacks were begun, and how many of those can't be under way any more. */
  readonly rollbacks = { begun: 0, ended: 0 };
  /** Whether its medium is out; both while a change is open. */
  ejected: boolean[] = [false];

  constructor(shape: VolumeShape) {
    this.shape = shape;
    this.model = new BlockModel(shape);
    this.sizes = [shape.blocks];
  }

  beginResize(blocks: number): void {
    const now = this.model.blocks;
    this.sizes = [now, blocks];
    if (blocks < now) this.changing = this.model.callCut(blocks);
  }

  /** It becomes this, and of this size. */
  beginRollback(content: ReadonlyMap<number, number>, blocks: number): Command {
    this.rollbacks.begun += 1;
    const command = this.model.callAll('rollback', content);
    if (blocks !== this.model.blocks) {
      this.sizes = [this.model.blocks, blocks];
      this.changing = command;
    }
    return command;
  }

  /** Its size is known (again). */
  hasSize(blocks: number): void {
    if (this.changing !== null && blocks !== this.model.blocks) {
      this.model.returned(this.changing, 'happened', { durable: true });
      if (blocks < this.model.blocks) this.cuts += 1;
    }
    this.changing = null;
    if (blocks !== this.model.blocks) this.model.resize(blocks);
    this.sizes = [blocks];
  }
}

/**
 * Segments of EXTENDED COPY as steps between logical units. All segments are checked before the first is
 * begun: what can be refused is refused with nothing written.
 */
import { UnitNexus } from '../unit-nexus.ts';
import type { Command } from '../command.ts';
import {
  copyAborted,
  CopyFault,
  copyRefused,
  LBA_OUT_OF_RANGE,
  type Sense,
  type ThirdParty,
} from '../sense.ts';
import { MAX_SEGMENT_BYTES, STEP_BYTES } from './copy-limits.ts';
import type { CopyRecord } from './copy-records.ts';
import type { CopyStep } from './copy-run.ts';
import { CscdField, SegmentField, type Cscd, type Segment } from './descriptors.ts';

/** CSCD DESCRIPTOR ID of the logical unit that got the command. */
export const OWN_CSCD_ID = 0xffff;

export interface Stretch {
  readonly source: UnitNexus;
  readonly sourceLba: number;
  readonly destination: UnitNexus;
  readonly destinationLba: number;
  readonly bytes: number;
}

const blockBytes = ({ unit }: UnitNexus): number => unit.device.blockSizeBytes;

class SegmentCheck {
  readonly #command: Command;
  readonly #cscds: readonly Cscd[];
  readonly #number: number;

  constructor(command: Command, cscds: readonly Cscd[], number: number) {
    this.#command = command;
    this.#cscds = cscds;
    this.#number = number;
  }

  /** The stretch that the segment stands for, of 0 bytes if of none. */
  check(segment: Segment): Stretch | Sense {
    const { at } = segment;
    const source = this.#reach(segment.sourceId, at + SegmentField.sourceId);
    if (!(source instanceof UnitNexus)) return source;
    const destination = this.#reach(segment.destinationId, at + SegmentField.destinationId);
    if (!(destination instanceof UnitNexus)) return destination;
    const counted = {
      'source-block': blockBytes(source),
      'destination-block': blockBytes(destination),
      byte: 1,
    };
    const bytes = segment.count * counted[segment.unit];
    if (bytes > MAX_SEGMENT_BYTES) return this.#fault(CopyFault.invalidField, segment.lengthAt);
    const [sourceBlock, destinationBlock] = [blockBytes(source), blockBytes(destination)];
    const bytesAreWhole = bytes % sourceBlock === 0 && bytes % destinationBlock === 0;
    const offsetsAreWhole =
      segment.sourceOffset % sourceBlock === 0 &&
      segment.destinationOffset % destinationBlock === 0;
    if (!bytesAreWhole || !offsetsAreWhole) {
      const ofBlocks = segment.unit !== 'byte';
      return this.#fault(
        ofBlocks ? CopyFault.unexpectedInexactSegment : CopyFault.granularityViolation,
        offsetsAreWhole ? segment.lengthAt : at + 28,
      );
    }
    const stretch: Stretch = {
      source,
      sourceLba: segment.sourceLba + segment.sourceOffset / sourceBlock,
      destination,
      destinationLba: segment.destinationLba + segment.destinationOffset / destinationBlock,
      bytes,
    };
    return this.#refusal(stretch, at) ?? stretch;
  }

  #refusal(stretch: Stretch, at: number): Sense | null {
    const { source, sourceLba, destination, destinationLba, bytes } = stretch;
    if (bytes === 0) return null;
    if (sourceLba + bytes / blockBytes(source) > source.unit.device.blocks) {
      return this.#refused('source', LBA_OUT_OF_RANGE, at + SegmentField.sourceLba);
    }
    if (destinationLba + bytes / blockBytes(destination) > destination.unit.device.blocks) {
      return this.#refused('destination', LBA_OUT_OF_RANGE, at + SegmentField.destinationLba);
    }
    const ofSource = source.unit.copyRefusal(source, 'reads');
    if (ofSource !== null) {
      return this.#refused('source', ofSource, at + SegmentField.sourceId);
    }
    const ofDestination = destination.unit.copyRefusal(destination, 'changes');
    if (ofDestination !== null) {
      return this.#refused('destination', ofDestination, at + SegmentField.destinationId);
    }
    const apart = Math.abs(sourceLba - destinationLba) * blockBytes(source) >= bytes;
    if (source.unit !== destination.unit || apart) return null;
    return this.#fault(CopyFault.invalidOperation, at + SegmentField.destinationLba);
  }

  #reach(id: number, at: number): UnitNexus | Sense {
    const { nexus, unit } = this.#command;
    if (id === OWN_CSCD_ID) return nexus;
    const cscd = this.#cscds[id];
    if (cscd === undefined) return this.#fault(CopyFault.unreachableTarget, at);
    if (cscd.deviceType !== 0) {
      return this.#fault(CopyFault.incorrectDeviceType, cscd.at + CscdField.deviceType);
    }
    const { copies } = unit.surroundings;
    const reached = copies.unitOf(cscd.designator)?.reachedBy(nexus.nexus) ?? null;
    if (reached === null) return this.#fault(CopyFault.targetNotReachable, cscd.at);
    if (cscd.blockLength !== 0 && cscd.blockLength !== blockBytes(reached)) {
      return this.#fault(CopyFault.invalidField, cscd.at + CscdField.blockLength);
    }
    return reached;
  }

  #refused(side: ThirdParty['side'], answer: ThirdParty['answer'], byte: number): Sense {
    return copyRefused(this.#number, byte, { side, answer });
  }

  #fault(fault: CopyFault, byte: number): Sense {
    return copyAborted(fault, this.#number, byte);
  }
}

/** One for each segment. */
export function stretchesOf(
  command: Command,
  cscds: readonly Cscd[],
  segments: readonly Segment[],
): Stretch[] | Sense {
  const stretches: Stretch[] = [];
  for (const [number, segment] of segments.entries()) {
    const stretch = new SegmentCheck(command, cscds, number).check(segment);
    if ('key' in stretch) return stretch;
    stretches.push(stretch);
  }
  return stretches;
}

/** In the order of the segments; counts in the record those that are done. */
export function* stepsOf(stretches: readonly Stretch[], record: CopyRecord): Generator<CopyStep> {
  for (const { source, sourceLba, destination, destinationLba, bytes } of stretches) {
    for (let done = 0; done < bytes; done += STEP_BYTES) {
      yield {
        source: {
          device: source.unit.device,
          nexus: source,
          lba: sourceLba + done / blockBytes(source),
        },
        destination,
        lba: destinationLba + done / blockBytes(destination),
        blocks: Math.min(STEP_BYTES, bytes - done) / blockBytes(destination),
      };
    }
    record.segmentsProcessed += 1;
  }
}

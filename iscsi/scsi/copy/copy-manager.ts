/** What all copy managers of a member share: every logical unit has one, and they are of one pool. */
import type { Clock, Random } from '../../../src/base/ports.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { RodTokens } from './rod-tokens.ts';

export class CopyManager {
  readonly tokens: RodTokens;
  /** The unit with a designator, by `designatorKey`; null: there is none. */
  readonly unitOf: (designator: string) => LogicalUnit | null;

  constructor(ports: {
    clock: Clock;
    random: Random;
    unitOf: (designator: string) => LogicalUnit | null;
  }) {
    this.tokens = new RodTokens(ports);
    this.unitOf = ports.unitOf;
  }
}

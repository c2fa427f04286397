/** Three hosts send what they like; a model as simple as the standard's tables says what comes of it. */
import fc from 'fast-check';
import { CONFLICT, EA, EA_RO, Out, threeHosts, TYPES, WE, WE_AR, WE_RO } from './reserving-host.ts';

type Name = 'a' | 'b' | 'c';
const NAMES: readonly Name[] = ['a', 'b', 'c'];

interface Step {
  readonly who: Name;
  readonly action: number;
  readonly key: number;
  readonly actionKey: number;
  readonly type: number;
}

class Model {
  readonly keys = new Map<Name, number>();
  type: number | null = null;
  holder: Name | null = null;
  /** What each host is told. */
  readonly told = new Map<Name, string[]>();

  holds = (who: Name): boolean =>
    this.type !== null && (this.type >= WE_AR ? this.keys.has(who) : this.holder === who);

  outcome(step: Step, may: 'read' | 'write'): string {
    if (this.type === null) return 'good';
    const admitted = this.type >= WE_RO ? this.keys.has(step.who) : this.holder === step.who;
    const reads = may === 'read' && [WE, WE_RO, WE_AR].includes(this.type);
    return admitted || reads ? 'good' : CONFLICT;
  }

  run(step: Step): string {
    const { who, action, key, actionKey } = step;
    if (action === Out.register || action === Out.registerAndIgnore) {
      if (action === Out.register && key !== (this.keys.get(who) ?? 0)) return CONFLICT;
      if (actionKey === 0) this.#unregister(who);
      else this.keys.set(who, actionKey);
      return 'good';
    }
    if (this.keys.get(who) !== key) return CONFLICT;
    if (action === Out.reserve) return this.#reserve(step);
    if (action === Out.release) return this.#release(step);
    if (action === Out.clear) {
      for (const other of this.keys.keys()) this.#tell(other, who, '6/2a/03');
      this.keys.clear();
      this.type = null;
      return 'good';
    }
    return this.#preempt(step);
  }

  #unregister(who: Name): void {
    const held = this.holds(who);
    if (!this.keys.delete(who) || !held) return;
    if (this.type !== null && this.type >= WE_AR) {
      if (this.keys.size === 0) this.type = null;
      return;
    }
    const wasForRegistrants = this.type === WE_RO || this.type === EA_RO;
    this.type = null;
    if (wasForRegistrants) for (const other of this.keys.keys()) this.#tell(other, who, '6/2a/04');
  }

  #reserve({ who, type }: Step): string {
    if (this.type !== null) return this.holds(who) && this.type === type ? 'good' : CONFLICT;
    this.type = type;
    this.holder = who;
    return 'good';
  }

  #release({ who, type }: Step): string {
    if (!this.holds(who)) return 'good';
    if (this.type !== type) return '5/26/04';
    this.type = null;
    if (type >= WE_RO) for (const other of this.keys.keys()) this.#tell(other, who, '6/2a/04');
    return 'good';
  }

  #preempt({ who, actionKey, type }: Step): string {
    const forAll = this.type !== null && this.type >= WE_AR;
    if (actionKey === 0 && !forAll) return '5/26/00';
    const victims = NAMES.filter(
      (name) => this.keys.has(name) && (actionKey === 0 || this.keys.get(name) === actionKey),
    );
    if (victims.length === 0) return CONFLICT;
    const holderFalls =
      this.type !== null && (forAll ? actionKey === 0 : victims.includes(this.holder ?? 'a'));
    for (const name of victims) {
      if (name === who && holderFalls) continue;
      this.keys.delete(name);
      this.#tell(name, who, '6/2a/05');
    }
    if (holderFalls) {
      if (this.type !== type) for (const name of this.keys.keys()) this.#tell(name, who, '6/2a/04');
      this.type = type;
      this.holder = who;
    } else if (forAll && this.keys.size === 0) {
      this.type = null;
    }
    return 'good';
  }

  #tell(whom: Name, by: Name, what: string): void {
    if (whom !== by) this.told.set(whom, [...(this.told.get(whom) ?? []), what]);
  }
}

const step: fc.Arbitrary<Step> = fc.record({
  who: fc.constantFrom(...NAMES),
  action: fc.constantFrom(0, 0, 1, 1, 2, 3, 4, 4, 5, 6),
  key: fc.integer({ min: 0, max: 2 }),
  actionKey: fc.integer({ min: 0, max: 2 }),
  type: fc.constantFrom(...TYPES, EA),
});

test('any sequence of service actions does what the tables say, to everyone', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const hosts = threeHosts();
      const model = new Model();
      for (const one of steps) {
        const { who, action, key, actionKey, type } = one;
        // A key that is right half of the time, so that more than conflicts happens.
        const right = key === 0 ? key : (model.keys.get(who) ?? 0);
        const sent = { ...one, key: right };
        const { outcome } = hosts[who].out(action, { key: right, actionKey, type });
        expect(outcome).toBe(model.run(sent));
        for (const name of NAMES) {
          expect(hosts[name].settle()).toEqual(model.told.get(name) ?? []);
          expect(hosts[name].read().outcome).toBe(model.outcome({ ...one, who: name }, 'read'));
          expect(hosts[name].write().outcome).toBe(model.outcome({ ...one, who: name }, 'write'));
        }
        model.told.clear();
        expect(hosts.a.keys().sort()).toEqual([...model.keys.values()].sort());
        const holderKey = model.keys.get(model.holder ?? 'a') ?? 0;
        const shown = model.type !== null && model.type >= WE_AR ? 0 : holderKey;
        expect(hosts.a.reservation()).toBe(
          model.type === null ? null : `${String(shown)}:${String(model.type)}`,
        );
      }
    }),
    { numRuns: 300 },
  );
});

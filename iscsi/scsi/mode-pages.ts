/**
 * Mode pages 01h, 08h, 0Ah, 0Ah/01h, 1Ah, 1Ch and 1Ch/02h [SPC-4, SBC-3] of one logical unit, shared by all
 * nexuses. A page is its default bytes and the mask of what MODE SELECT may change: the changeable
 * values of MODE SENSE, the check of MODE SELECT and the reset all follow from these two.
 */
import { present } from '../../src/base/assert.ts';
import type { BlockDevice } from './block-device.ts';
import { put16, put32 } from './bytes.ts';
import { availableSets, ProvisioningResource } from './thin-provisioning.ts';

export const PageControl = { current: 0, changeable: 1, default: 2, saved: 3 } as const;

/** SPF of byte 0: a subpage code and a longer length follow. */
const SUBPAGE_FORMAT = 0x40;
const PAGE_CODE = 0x3f;
const PAGE_HEADER_BYTES = 2;
const SUBPAGE_HEADER_BYTES = 4;

const CACHING = 0x08;
const CONTROL = 0x0a;
const D_SENSE = 0x04;
const SWP = 0x08;
const WCE = 0x04;

export interface ModePage {
  readonly code: number;
  /** 0: the page has no subpage code. */
  readonly subpage: number;
  /** The whole page with its header, as MODE SENSE gives it. */
  readonly current: Uint8Array;
  readonly defaults: Uint8Array;
  readonly changeable: Uint8Array;
}

/** Bytes before the values, of a page as MODE SENSE gives it. */
export const headerOf = (page: Uint8Array): number =>
  ((page[0] ?? 0) & SUBPAGE_FORMAT) === 0 ? PAGE_HEADER_BYTES : SUBPAGE_HEADER_BYTES;

function page(length: number, values: Record<number, number>, changeable: Record<number, number>) {
  const defaults = new Uint8Array(length);
  const mask = new Uint8Array(length);
  for (const [at, value] of Object.entries(values)) defaults[Number(at)] = value;
  for (const [at, value] of Object.entries(changeable)) mask[Number(at)] = value;
  const code = (defaults[0] ?? 0) & PAGE_CODE;
  const header = headerOf(defaults);
  if (header === SUBPAGE_HEADER_BYTES) put16(defaults, 2, length - header);
  else defaults[1] = length - header;
  mask.set(defaults.subarray(0, header));
  const subpage = header === SUBPAGE_HEADER_BYTES ? (defaults[1] ?? 0) : 0;
  return { code, subpage, current: defaults.slice(), defaults, changeable: mask };
}

/** AWRE and ARRE: what fails is rewritten elsewhere without the initiator's doing. LBPERE: initiators
 * are told when a threshold is reached. */
const readWriteErrorRecovery = (): ModePage => page(12, { 0: 0x01, 2: 0xc0, 7: 0x80 }, {});

/** WCE says whether GOOD may be lost with the power. DRA: no read-ahead beyond the request. */
const caching = (writeCache: boolean): ModePage =>
  page(20, { 0: CACHING, 2: writeCache ? WCE : 0, 12: 0x20 }, {});

/**
 * TST 0 (one task set for all nexuses), QUEUE ALGORITHM MODIFIER 1 (unrestricted reordering of
 * SIMPLE tasks), QERR 0, TAS 0, UA_INTLCK_CTRL 0, BUSY TIMEOUT PERIOD unlimited.
 */
const control = (): ModePage =>
  page(12, { 0: CONTROL, 3: 0x10, 8: 0xff, 9: 0xff }, { 2: D_SENSE, 4: SWP });

/** TCMOS: the time is set outside of SCSI. IALUAE: the access state may change by itself. */
const controlExtension = (): ModePage =>
  page(32, { 0: SUBPAGE_FORMAT | CONTROL, 1: 0x01, 4: 0x04 | 0x01 }, {});

/** No idle or standby condition ever comes by itself: there is nothing to spin down. */
const powerCondition = (): ModePage => page(40, { 0: 0x1a }, {});

/** DEXCPT: there are no informational exceptions to report. */
const informationalExceptions = (): ModePage => page(12, { 0: 0x1c, 2: 0x08 }, {});

/** Where the threshold descriptor of the Logical Block Provisioning page starts. */
export const THRESHOLD_AT = 16;
const THRESHOLD_ENABLED = 0x80;

/**
 * Logical Block Provisioning [SBC-4]: one soft threshold, on what is available (type and arming 0), which
 * is the pool's and not for initiators to set. SITUA 0: each nexus is told.
 */
function provisioning({ resources }: BlockDevice): ModePage {
  const { thresholdBytes } = resources;
  const descriptor = new Uint8Array(8);
  descriptor[0] = thresholdBytes > 0 ? THRESHOLD_ENABLED : 0;
  descriptor[1] = ProvisioningResource.available;
  put32(descriptor, 4, availableSets(thresholdBytes));
  const values = Object.fromEntries(
    Array.from(descriptor, (value, at) => [THRESHOLD_AT + at, value]),
  );
  return page(24, { 0: SUBPAGE_FORMAT | 0x1c, 1: 0x02, ...values }, {});
}

export class ModeParameters {
  /** Ascending by page code and subpage code, the order in which all pages are returned [SPC-4, MODE SENSE (6)]. */
  readonly pages: readonly ModePage[];
  /** D_SENSE and SWP of the current values, looked at by every command. */
  descriptorSense = false;
  softwareWriteProtect = false;

  constructor(device: BlockDevice) {
    this.pages = [
      readWriteErrorRecovery(),
      caching(device.volatileCache),
      control(),
      controlExtension(),
      powerCondition(),
      informationalExceptions(),
      provisioning(device),
    ];
  }

  find(code: number, subpage = 0): ModePage | undefined {
    return this.pages.find((each) => each.code === code && each.subpage === subpage);
  }

  /** `values` has been checked: nothing in it differs where it must not. True if anything changed. */
  set(target: ModePage, values: Uint8Array): boolean {
    const changed = target.current.some((value, index) => value !== values[index]);
    target.current.set(values);
    this.#refresh();
    return changed;
  }

  /** The device's own setting, its default too. True if it was another. */
  setWriteCache(writeCache: boolean): boolean {
    const page = present(this.find(CACHING), 'there is a caching page');
    const fresh = caching(writeCache);
    page.defaults.set(fresh.defaults);
    return this.set(page, fresh.current);
  }

  /** Saving is not supported, so a reset brings back the defaults. */
  reset(): void {
    for (const each of this.pages) each.current.set(each.defaults);
    this.#refresh();
  }

  #refresh(): void {
    const current = this.find(CONTROL)?.current;
    this.descriptorSense = ((current?.[2] ?? 0) & D_SENSE) !== 0;
    this.softwareWriteProtect = ((current?.[4] ?? 0) & SWP) !== 0;
  }
}

/**
 * What the suite leaves out, with the reason, and where the suite itself is wrong. Both lists are
 * checked: what is skipped or fails and is not here is an error, and so is an entry that no longer
 * comes true.
 */
import { SET_UPS, type BlockSize } from './set-ups.ts';

/** Where an entry holds; what is left out holds everywhere. */
export interface Where {
  /** Names without the family, as `PreventAllow.Simple`; the whole name must match. */
  readonly tests: RegExp;
  readonly setUps?: readonly string[];
  readonly blocks?: BlockSize;
  /** `debian`: the newest source of the suite has it no more. */
  readonly suite?: Suite;
}

/** Debian's package, or what LIBISCSI_SUITE names: the newest source. */
export type Suite = 'debian' | 'newest';

export interface TestRun {
  readonly test: string;
  readonly setUp: string;
  readonly blockSize: BlockSize;
  readonly suite: Suite;
}

export interface ExpectedSkip extends Where {
  readonly why: string;
  /** The test runs, and leaves out a part. */
  readonly isPartial?: true;
}

export interface SuiteDefect extends Where {
  /** It does not come to its end: it runs alone, and is given little time. */
  readonly isHang?: true;
  readonly line: string;
  readonly clause: string;
}

const allBut = (...names: string[]): string[] =>
  SET_UPS.map(({ name }) => name).filter((name) => !names.includes(name));
const chapSetUps = SET_UPS.filter(({ user }) => user !== undefined).map(({ name }) => name);

export const EXPECTED_SKIPS: readonly ExpectedSkip[] = [
  {
    tests: /PreventAllow\..*|StartStopUnit\..*|NoMedia\..*/,
    setUps: allBut('removable'),
    why: 'the medium is not removable',
  },
  {
    tests: /ReadOnly\..*/,
    setUps: allBut('write-protected'),
    why: 'the medium can be written',
  },
  { tests: /MultipathIO\..*/, setUps: allBut('two-paths'), why: 'there is one path' },
  {
    tests: /iSCSICHAP\..*/,
    setUps: allBut(...chapSetUps),
    why: 'the target asks for no CHAP',
  },
  {
    tests: /iSCSICHAP\.HexName/,
    setUps: chapSetUps.filter((name) => name !== 'chap-0xhost'),
    why: "the user's name does not begin with 0x",
  },
  {
    tests: /iSCSICHAP\.Base64Name/,
    setUps: chapSetUps.filter((name) => name !== 'chap-0bhost'),
    why: "the user's name does not begin with 0b",
  },
  {
    tests: /Sanitize\.(?!CryptoErase$).*/,
    setUps: ['two-paths'],
    why: 'run without leave to sanitize',
  },
  {
    tests: /Sanitize\.CryptoErase/,
    why: 'SANITIZE with CRYPTOGRAPHIC ERASE is refused until volumes are encrypted',
  },
  {
    tests:
      /CompareAndWrite\.InvalidDataOutSize|WriteSame1[06]\.(UnmapUnaligned|InvalidDataOutSize)/,
    blocks: '4096',
    setUps: allBut(),
    why: 'a physical block is one logical block (LBPPBE = 0)',
  },
  {
    tests: /WriteSame1[06]\.ZeroBlocks/,
    isPartial: true,
    why: 'zero blocks are refused, as WSNZ says; what they would do otherwise is not tried',
  },
  {
    tests: /Sanitize\.(Readonly|Reservations)/,
    setUps: ['thin', 'removable'],
    isPartial: true,
    why: 'the part about CRYPTOGRAPHIC ERASE',
  },
  {
    tests: /WriteAtomic16\.VPD/,
    setUps: allBut(),
    isPartial: true,
    why: 'atomic writes need no alignment and no granularity, so none can be refused for it',
  },
];

export const SUITE_DEFECTS: readonly SuiteDefect[] = [
  {
    tests: /GetLBAStatus\.UnmapSingle/,
    blocks: '512',
    line:
      'test_get_lba_status_unmap_single.c:120-134 asks for the status from block i + 1 on and wants ' +
      'block i + lbppb in the first descriptor: the same only with one logical block in a physical one',
    clause:
      'SBC-5 §5.6.2.3: the first descriptor begins at the lowest block from the one that was asked for on, which is ' +
      'that block',
  },
  {
    tests: /StartStopUnit\.PwrCnd/,
    setUps: ['removable'],
    line: 'test_startstopunit_pwrcnd.c:42-43 wants GOOD for every POWER CONDITION from 1 to 15',
    clause:
      'SBC-5 §5.31, table 114: 4h, 5h, 6h, 8h, 9h, Ch to Fh are reserved or obsolete; Ah and Bh are refused where ' +
      'the timer they force is not enabled (note e)',
  },
  {
    tests: /Sanitize\.Reset/,
    setUps: ['thin', 'removable'],
    line:
      'test_sanitize_reset.c:86-91 and 158 (Debian: 93-98, 165) waits three seconds and then wants the OVERWRITE with ' +
      'zeroes to be still at work, and so again after resets and a new login: here it is done by then',
    clause:
      'SBC-5 §4.11.3: aborts, resets and the loss of a nexus do not end the operation, which is so here; none has to ' +
      'last. What it leaves, and that it goes on after resets, is tested in test/unit/iscsi/scsi/sanitize.test.ts',
  },
  {
    tests: /ProutReserve\.Access.*/,
    blocks: '4096',
    suite: 'debian',
    line:
      'iscsi-support.c:1366-1378, verify_write_works: announces and sends 512 bytes for a WRITE(10) of one block ' +
      'whatever the block size, and wants GOOD',
    clause:
      'SBC-4, WRITE (10): TRANSFER LENGTH counts logical blocks; an eighth of one cannot be written',
  },
  {
    tests: /iSCSITMF\.LUNResetSimpleAsync/,
    suite: 'debian',
    line:
      'test_async_lu_reset_simple.c:157 wants 1 of a variable that the answer to the reset sets, before the reset is ' +
      'sent; then it frees a task that is under way. Behind another test it is left out without a word (line 101)',
    clause: 'none: the target has no part in it; the newest source has this line no more',
  },
  {
    tests: /iSCSISendTargets\.Invalid/,
    suite: 'newest',
    isHang: true,
    line:
      "lib/discovery.c:220, iscsi_process_text_reply: takes a Text Response with a key answered 'NotUnderstood' for " +
      'an error of the connection, which it makes anew without the Text Request that the test waits for',
    clause:
      "RFC 7143 §6.2: who does not understand a key answers it with 'NotUnderstood', and goes on",
  },
  {
    tests: /CompareAndWrite\.InvalidDataOutSize/,
    blocks: '512',
    suite: 'newest',
    line:
      'test_compareandwrite_invalid_dataout_size.c:33 changes the NUMBER OF LOGICAL BLOCKS of all PDUs that are ' +
      'no SCSI commands: what is sent is right, and the test wants it refused',
    clause: 'SBC-4, COMPARE AND WRITE: twice NUMBER OF LOGICAL BLOCKS are sent, which is so here',
  },
  {
    tests: /iSCSITMF\.(AbortTask|LUNReset)SimpleAsync/,
    suite: 'newest',
    line: "test_async_abort_simple.c:132 and test_async_lu_reset_simple.c:132 want one PDU in the client's own queue, before anything is sent",
    clause: 'none: the target has no part in it; the answers that follow are what the test wants',
  },
];

/** They end their session, after which those behind them are left out. */
export const runsAlone = (name: string): boolean => /^iSCSI\.iSCSITMF\./.test(name);

export const isHang = (at: TestRun): boolean =>
  SUITE_DEFECTS.some((defect) => defect.isHang === true && holdsAt(defect, at));

export const isNamedBy = ({ tests }: Where, test: string): boolean =>
  new RegExp(`^(${tests.source})$`).test(test);

export const holdsAt = ({ setUps, blocks, suite, ...where }: Where, at: TestRun): boolean =>
  isNamedBy(where, at.test) &&
  (setUps === undefined || setUps.includes(at.setUp)) &&
  (blocks === undefined || blocks === at.blockSize) &&
  (suite === undefined || suite === at.suite);

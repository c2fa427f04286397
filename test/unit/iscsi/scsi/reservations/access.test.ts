import { commandTable } from '../../../../../iscsi/scsi/command-table.ts';

/** SPC-4 table 65, SBC-4 table 13, SPC-2: what is not in these lists is refused to others. */
const FREE = [
  'REQUEST SENSE',
  'INQUIRY',
  'READ CAPACITY(10)',
  'READ CAPACITY(16)',
  'REPORT LUNS',
  'LOG SENSE',
];
const STATUS = ['TEST UNIT READY', 'REPORT TARGET PORT GROUPS', 'REPORT TIMESTAMP'];
const STATUS_OF_COPIES = /^RECEIVE (COPY|ROD)/;
const READS =
  /^(READ\(|VERIFY\(|PRE-FETCH|READ DEFECT DATA|MODE SENSE|GET LBA STATUS|REPORT SUPPORTED|POPULATE TOKEN)/;
const OWN = /^(PERSISTENT RESERVE|RESERVE|RELEASE)/;
/** By a bit of the CDB. */
const BY_CDB = ['START STOP UNIT', 'PREVENT ALLOW MEDIUM REMOVAL'];

test.each(commandTable.rows.map((row) => ({ name: row.name, access: row.access })))(
  '$name stands in the table of reservation conflicts as the standard has it',
  ({ name, access }) => {
    if (BY_CDB.includes(name)) expect(typeof access).toBe('function');
    else if (FREE.includes(name)) expect(access).toBe('free');
    else if (STATUS.includes(name) || STATUS_OF_COPIES.test(name)) expect(access).toBe('status');
    else if (OWN.test(name)) expect(access).toBe('own');
    else if (READS.test(name)) expect(access).toBe('reads');
    else expect(access).toBe('changes');
  },
);

test('what changes the medium is refused to others', () => {
  for (const { writes, access } of commandTable.rows) if (writes) expect(access).toBe('changes');
});

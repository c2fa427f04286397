/** The text format [RFC 7143 §6.1]. */
import { encodeBase64, encodeHex, parseBinary } from '../../../../iscsi/login/binary-value.ts';
import {
  encodeTextKeys,
  parseBoolean,
  parseNumber,
  parseTextKeys,
  TextAssembly,
} from '../../../../iscsi/login/text-keys.ts';
import { ProtocolError } from '../../../../iscsi/pdu/protocol-error.ts';
import fc from 'fast-check';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe('pairs', () => {
  test('are ended by NUL, the last one perhaps not', () => {
    expect(parseTextKeys(text('A=1\0B=\0C=x=y'))).toEqual([
      { key: 'A', value: '1' },
      { key: 'B', value: '' },
      { key: 'C', value: 'x=y' },
    ]);
  });

  test('padding after the last one is none', () => {
    expect(parseTextKeys(text('A=1\0\0\0'))).toEqual([{ key: 'A', value: '1' }]);
    expect(parseTextKeys(new Uint8Array(0))).toEqual([]);
  });

  test('are written as they are read', () => {
    const keys = [
      { key: 'TargetName', value: 'iqn.2026-01.org.example:ä' },
      { key: 'X#Key', value: 'a,b' },
    ];
    expect(parseTextKeys(encodeTextKeys(keys))).toEqual(keys);
  });

  test('never fail in any other way than with a ProtocolError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          parseTextKeys(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });
});

describe('numbers', () => {
  test.each([
    ['0', 0],
    ['65535', 65_535],
    ['0x1000', 4096],
    ['0X1f', 31],
    ['007', 7],
  ])('%s is %i', (value, number) => {
    expect(parseNumber(value)).toBe(number);
  });

  test.each(['', '-1', '+1', '1.0', '1e3', '0x', '0xg', ' 1', '1 ', '9'.repeat(16)])(
    '"%s" is none',
    (value) => {
      expect(parseNumber(value)).toBeNull();
    },
  );
});

test('booleans are Yes and No and nothing else', () => {
  expect(['Yes', 'No', 'yes', 'NO', '1', ''].map(parseBoolean)).toEqual([
    true,
    false,
    null,
    null,
    null,
    null,
  ]);
});

describe('binary values', () => {
  test.each([
    ['0x00ff', [0, 255]],
    ['0XABCD', [0xab, 0xcd]],
    ['0xf', [15]],
    ['0bAP8=', [0, 255]],
    ['0BAP8', [0, 255]],
  ])('%s', (value, bytes) => {
    expect([...(parseBinary(value) ?? [])]).toEqual(bytes);
  });

  test.each(['', '0x', '0b', '00', 'ff', '0xfg', '0b*', '0bA', '0b=', '0x 1'])(
    '"%s" is none',
    (v) => {
      expect(parseBinary(v)).toBeNull();
    },
  );

  test('are at most 1024 bytes [RFC 7143 §12.1.3]', () => {
    const most = new Uint8Array(1024).fill(7);
    const more = new Uint8Array(1025).fill(7);
    for (const encode of [encodeHex, encodeBase64]) {
      expect(parseBinary(encode(most))).toEqual(most);
      expect(parseBinary(encode(more))).toBeNull();
    }
  });
});

test('an assembly keeps copies, within its bound', () => {
  const assembly = new TextAssembly(5);
  const part = text('abc');
  expect(assembly.add(part)).toBe(true);
  part.fill(0);
  expect(assembly.add(text('de'))).toBe(true);
  expect(Buffer.from(assembly.take()).toString()).toBe('abcde');
  expect(assembly.add(text('abcdef'))).toBe(false);
});

import { isInstalled } from '../peers/command.ts';

/** A test that needs programs of other people: left out, and said so, where one is missing. */
export const testWith = (...tools: string[]): jest.It =>
  tools.every(isInstalled) ? test : test.skip;

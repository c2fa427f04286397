/** `scale`: all commands, their help, and how they end. */
import yargs from 'yargs';
import type { Argv } from 'yargs';
import type { Cli, Globals } from './command.ts';
import { CliError, Exit } from './exit.ts';
import { diskCommands, poolCommands, sessionCommands } from './pool.ts';
import { serveCommands } from './serve.ts';
import type { Local } from './serve.ts';
import { cloneCommands, snapshotCommands } from './snapshot.ts';
import { targetCommands } from './target.ts';
import { volumeCommands } from './volume.ts';

export interface Program {
  readonly args: readonly string[];
  readonly version: string;
  readonly local: Local;
}

function globals(base: Argv): Cli {
  const cli = base
    .option('api', {
      type: 'string',
      global: true,
      describe: 'URL of the API (env SCALE_API); by default http://127.0.0.1:8260',
    })
    .option('token-file', {
      type: 'string',
      global: true,
      describe: 'Token for the API (env SCALE_API_TOKEN_FILE)',
    })
    .option('json', {
      type: 'boolean',
      global: true,
      default: false,
      describe: 'One JSON document on stdout',
    });
  return cli as unknown as Argv<Globals>;
}

/** Runs one command; resolves to the exit code. Errors of ours are one line on stderr. */
export async function runProgram({ args, version, local }: Program): Promise<number> {
  let exit: number = Exit.done;
  const cli = globals(yargs(args as string[]).scriptName('scale'))
    .usage('$0 <command>\n\nAn iSCSI target on a durable, thin block pool')
    .parserConfiguration({ 'duplicate-arguments-array': true, 'strip-dashed': true })
    .exitProcess(false)
    .version(version)
    .help()
    .alias('help', 'h')
    .strict()
    .wrap(100)
    .fail((message, error) => {
      // Thrown by a command, or by yargs itself for flags that do not hold.
      if (error instanceof Error && error.name !== 'YError') throw error;
      throw new CliError(Exit.usage, message === '' ? error.message : message);
    });
  serveCommands(cli, local, (code) => {
    exit = code;
  });
  cli
    .command('volume', 'Volumes: create, list, show, resize, set, delete', (sub) =>
      volumeCommands(sub),
    )
    .command('snapshot', 'Snapshots: create, list, show, delete, rollback', (sub) =>
      snapshotCommands(sub),
    )
    .command('clone', 'Clones: volumes that begin as a snapshot is', (sub) => cloneCommands(sub))
    .command('target', 'Targets: LUNs, and who may log in', (sub) => targetCommands(sub))
    .command('session', 'Sessions that are logged in', (sub) => sessionCommands(sub))
    .command('disk', 'Disks of this member', (sub) => diskCommands(sub))
    .command('pool', 'The pool: status, events, scrub', (sub) => poolCommands(sub))
    .demandCommand(1, 'name a command; scale --help lists them');
  try {
    await cli.parseAsync();
    return exit;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const hint = error.exit === Exit.usage ? ' (see --help)' : '';
    process.stderr.write(`scale: ${error.message.replaceAll('\n', ' ')}${hint}\n`);
    return error.exit;
  }
}

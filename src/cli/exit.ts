/** How a command ends. */
export const Exit = {
  done: 0,
  /** One line on stderr: what, why, what to do. */
  failed: 1,
  usage: 2,
} as const;
export type Exit = (typeof Exit)[keyof typeof Exit];

export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exit: Exit;
  constructor(exit: Exit, message: string) {
    super(message);
    this.exit = exit;
  }
}

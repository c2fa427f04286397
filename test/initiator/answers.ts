/** What commands are answered, as text; unit attentions are told apart from answers. */
import { GOOD } from './block-commands.ts';
import type { Command, Completion, TcpInitiator } from './tcp-initiator.ts';

export const SPACE_ALLOCATION_FAILED = '7/27/07';

/** `good`, or sense key/ASC/ASCQ. */
export const senseOf = ({ status, sense }: Completion): string => {
  if (status === GOOD) return 'good';
  const hex = (at: number): string => (sense[at] ?? 0).toString(16).padStart(2, '0');
  return `${(sense[2] ?? 0) & 15}/${hex(12)}/${hex(13)}`;
};

/** Sends a command until its answer is no unit attention; those go to `attentions`. */
export async function answerOf(
  initiator: TcpInitiator,
  command: Command,
  attentions: string[] = [],
): Promise<string> {
  for (;;) {
    const sense = senseOf(await initiator.execute(command));
    if (!sense.startsWith('6/')) return sense;
    attentions.push(sense);
  }
}

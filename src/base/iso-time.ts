/** A wall clock reading (`Clock.wallMs`) as ISO 8601 in UTC: the cores have no Date of their own. */
export const isoTime = (wallMs: number): string => new Date(wallMs).toISOString();

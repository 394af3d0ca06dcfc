/** How the secrets of one-time links begin; the form takes tokens only. */
const LINK_SECRET = 'ursa_signin_';

/** Signs this browser in. Gives `undefined` when done, else what to tell the user. */
export async function signIn(pasted: string): Promise<string | undefined> {
  const token = pasted.trim();
  if (token === '') return 'Paste a token first.';
  if (token.includes(LINK_SECRET)) return 'This is a sign-in link, not a token: open it as an address.';
  let answer: Response;
  try {
    answer = await fetch('/signin', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
    });
  } catch {
    return 'The server cannot be reached. It may be stopped or restarting.';
  }
  if (answer.ok) return undefined;
  if (answer.status === 403) {
    return 'This is not a token of this server, or it is no longer valid. Tokens are shown once, when they are made.';
  }
  return `Signing in did not work: ${await reason(answer)}`;
}

async function reason(answer: Response): Promise<string> {
  try {
    const problem: unknown = await answer.json();
    if (typeof problem === 'object' && problem !== null && 'detail' in problem) return String(problem.detail);
  } catch {
    // No problem document: the status must do.
  }
  return `status ${answer.status}.`;
}

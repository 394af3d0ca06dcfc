import { useQuery } from '@tanstack/react-query';
import { ApiError, client, unwrap } from '~/api/client';

/** Who is signed in; `null` when nobody is. */
export function useMe() {
  return useQuery({
    queryKey: ['me'],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async ({ signal }) => {
      try {
        return await unwrap(client.GET('/me', { signal }));
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return null;
        throw error;
      }
    },
  });
}

/** Ends the session on the server. */
export async function signOut(): Promise<void> {
  await fetch('/signout', { method: 'POST' });
  location.assign('/');
}

import { QueryCache, QueryClient } from '@tanstack/react-query';
import { ApiError } from '~/api/client';

/** Tries again after no answer or an overloaded server, not after an answer that would stay the same. */
const RETRIES_MAX = 3;

export const queryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error) => {
      // The session ended while the page was open: ask who is signed in, and the shell shows the sign-in form.
      if (error instanceof ApiError && error.status === 401) {
        queryClient.setQueryData(['me'], null);
      }
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      retry: (failures, error) =>
        failures < RETRIES_MAX && error instanceof ApiError && (error.status === 0 || error.status === 503),
    },
  },
});

import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import { outlineQuery, sessionQuery } from '~/session/data/queries';
import { sessionSearch } from '~/session/search';
import { sessionsSearch } from '~/sessions/search';
import { NotFound, PageError } from './PageError';
import { queryClient } from './queryClient';
import { Shell } from './Shell';

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const sessions = createRoute({
  getParentRoute: () => root,
  path: '/',
  validateSearch: sessionsSearch,
  component: lazyRouteComponent(() => import('~/sessions/SessionsPage'), 'SessionsPage'),
});

const session = createRoute({
  getParentRoute: () => root,
  path: '/sessions/$sessionId',
  validateSearch: sessionSearch,
  // Asked for while the page's code is on its way; not when a link is only pointed at: each reading stands in the audit log.
  loader: ({ params: { sessionId }, preload }) => {
    if (preload) return;
    void queryClient.prefetchQuery(sessionQuery(sessionId));
    void queryClient.prefetchQuery(outlineQuery(sessionId));
  },
  component: lazyRouteComponent(() => import('~/session/SessionPage'), 'SessionPage'),
});

const connect = createRoute({
  getParentRoute: () => root,
  path: '/connect',
  component: lazyRouteComponent(() => import('~/connect/ConnectPage'), 'ConnectPage'),
});

export const router = createRouter({
  routeTree: root.addChildren([sessions, session, connect]),
  defaultErrorComponent: PageError,
  defaultPreload: 'intent',
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

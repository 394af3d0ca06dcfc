/**
 * The first script of every page: asks the server for what the page will show, and only then loads the program that shows
 * it. Both take their time; so they take it together.
 */
import './styles/base.css';
import { askEarly, firstRequests } from './app/early';
import { applyTheme } from './app/theme';

applyTheme();
askEarly(firstRequests(location));
void import('./main');
// Small, and the browser takes its time to make the formats in it: meanwhile the others are on their way.
void import('./app/time');
// The router asks for the same code once it knows the page; until then it would lie there unread.
if (location.pathname === '/') void import('./sessions/SessionsPage');
else if (location.pathname.startsWith('/sessions/')) void import('./session/SessionPage');

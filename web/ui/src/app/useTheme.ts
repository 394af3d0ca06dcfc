import { useSyncExternalStore } from 'react';
import { onThemeChange, type Theme, theme } from './theme';

/** The theme that was chosen, as it changes. */
export const useTheme = (): Theme => useSyncExternalStore(onThemeChange, theme);

import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import { LongValue } from './LongValue';

afterEach(cleanup);

it('a short value of the header stands as it is', () => {
  render(<LongValue name="Folder" text="/home/ana/shop" />);
  expect(screen.getByText('/home/ana/shop')).toBeTruthy();
  expect(screen.queryByRole('button')).toBeNull();
});

it('a long one shows its beginning, and all of it in a box that scrolls', () => {
  const text = `/begin/${'x'.repeat(5000)}/end`;
  const { container } = render(<LongValue name="Folder" text={text} />);
  expect(container.textContent?.length).toBeLessThan(250);
  fireEvent.click(screen.getByRole('button', { name: /^Show all 5.011 characters$/ }));
  const box = screen.getByRole('region', { name: 'Folder' });
  expect(box.textContent).toBe(text);
  expect(box.tabIndex).toBe(0);
  fireEvent.click(screen.getByRole('button', { name: 'Show less' }));
  expect(screen.queryByRole('region')).toBeNull();
});

import { describe, expect, it } from 'vitest';
import { filesWord, readTitle } from './patchTitle';

describe('the title of a patch', () => {
  it.each([
    ['*** Begin Patch *** Update File: src/a.rs @@ -x +y *** End Patch', 'src/a.rs'],
    [
      '*** Begin Patch *** Add File: new file.md +# Title *** Delete File: old.md *** End',
      'new file.md, +1 more',
    ],
    ["apply_patch <<'EOF' *** Begin Patch *** Update File: a.txt @@ fn x() -1", 'a.txt'],
    ['*** Begin Patch', '*** Begin Patch'],
    ['cargo test *** all', 'cargo test *** all'],
  ])('%s', (title, read) => {
    expect(readTitle(title)).toBe(read);
  });

  it('counts each file once, and says where more may follow', () => {
    expect(filesWord(['a', 'b', 'a', 'c'])).toBe('a, +2 more');
    expect(filesWord(['a', 'b'], false)).toBe('a, +1 more at least');
    expect(filesWord([''])).toBeUndefined();
  });
});

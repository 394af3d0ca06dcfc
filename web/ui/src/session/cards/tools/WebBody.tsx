import { isObject, stringAt, walk } from '~/content/json';
import { SafeLink } from '~/content/SafeLink';
import { SafeInline } from '~/content/SafeText';
import styles from '../cards.module.css';
import { isAllText } from '../outcome';
import { GenericBody } from './GenericBody';
import { OtherParameters } from './OtherParameters';
import { Result } from './Result';
import type { ToolBodyProps } from './types';

const ASKED = ['query', 'url', 'prompt', 'q', 'type'];
/** Links of one result that are listed. */
const LINKS = 50;

interface Link {
  url: string;
  title: string;
}

/** The pages that a search names. */
export function linksOf(result: unknown): Link[] {
  const links: Link[] = [];
  walk(result, (node) => {
    if (links.length >= LINKS) return false;
    const url = isObject(node) ? stringAt(node, 'url', 'link') : undefined;
    if (url !== undefined && !links.some((link) => link.url === url))
      links.push({ url, title: stringAt(node, 'title') ?? url });
    return true;
  });
  return links;
}

/** Searching and reading the web. Nothing of it is loaded. */
export function WebBody(props: ToolBodyProps) {
  const { event, args, find } = props;
  const asked = isObject(args) && isObject(args.action) ? args.action : args;
  const query = stringAt(asked, 'query', 'q');
  const url = stringAt(asked, 'url');
  const prompt = stringAt(asked, 'prompt');
  if (query === undefined && url === undefined) return <GenericBody {...props} />;
  const links = isAllText(event.result) ? [] : linksOf(event.result);
  return (
    <>
      <p className={styles.asked}>
        {query !== undefined && (
          <strong>
            <SafeInline text={query} find={find} />
          </strong>
        )}
        {url !== undefined && (
          <SafeLink target={url} words={url}>
            <SafeInline text={url} find={find} />
          </SafeLink>
        )}
        {prompt !== undefined && (
          <span>
            {' '}
            <SafeInline text={prompt} find={find} />
          </span>
        )}
      </p>
      <OtherParameters args={asked} shown={ASKED} find={find} />
      {links.length > 0 && (
        <ul className={styles.links}>
          {links.map((link) => (
            <li key={link.url}>
              <SafeLink target={link.url} words={link.title}>
                <SafeInline text={link.title} find={find} />
              </SafeLink>
            </li>
          ))}
        </ul>
      )}
      <Result {...props} markdown={links.length === 0} />
    </>
  );
}

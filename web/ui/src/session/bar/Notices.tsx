import styles from './bar.module.css';

/** What the reader must know of what is not shown. */
export function Notices(props: { readsContent: boolean; cut: boolean; missing: boolean }) {
  return (
    <>
      {!props.readsContent && (
        <p className={styles.notice}>
          Texts, arguments and results are hidden for your role. What is shown is the structure of the
          session.
        </p>
      )}
      {props.cut && (
        <p className={styles.notice}>The session is longer than this page shows. Its export has all of it.</p>
      )}
      {props.missing && (
        <p className={styles.notice} role="status">
          The event that the link names is not there: it may have been removed.
        </p>
      )}
    </>
  );
}

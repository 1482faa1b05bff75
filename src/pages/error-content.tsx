type Props = { sentence: string; requestId: string };

/** For what no form can be corrected about. */
export const ErrorContent = ({ sentence, requestId }: Props) => (
  <section>
    <p>{sentence}</p>
    <p>
      <a href="/account">To your account</a>
    </p>
    <p class="soft">Should you write to us about it, quote {requestId}.</p>
  </section>
);

type Props = { sentence: string; reasons: readonly string[]; requestId: string };

/** For what no form can be corrected about. */
export const ErrorContent = ({ sentence, reasons, requestId }: Props) => (
  <section>
    <p>{sentence}</p>
    {reasons.length > 0 && (
      <ul>
        {reasons.map((reason) => (
          <li>{reason}</li>
        ))}
      </ul>
    )}
    <p>
      <a href="/account">Go to your account</a>, or <a href="/forgot-password">set a new password</a>
    </p>
    <p class="soft">If you write to us about this, please quote {requestId}.</p>
  </section>
);

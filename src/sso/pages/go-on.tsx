/** For browsers that do not go on by themselves. */
export const GoOn = ({ returnTo }: { returnTo: string }) => (
  <section>
    <p>
      <a href={returnTo}>Continue</a>
    </p>
  </section>
);

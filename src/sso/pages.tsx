import { Form } from '../platform/pages/form.tsx';
import { Instant, instantText } from '../platform/pages/page.tsx';
import type { NamedIdentity } from './rules.ts';

/** The identities with which the person can log in. */
export const WaysIn = ({ identities }: { identities: readonly NamedIdentity[] }) => (
  <section aria-labelledby="ways-in">
    <h2 id="ways-in">Ways to log in</h2>
    <ul class="devices">
      {identities.map(({ id, name, createdAt, lastUsedAt }) => (
        <li>
          <div>
            <p>
              <strong>{name}</strong>
            </p>
            <p class="soft">
              Since <Instant at={createdAt} />, last used <Instant at={lastUsedAt} />
            </p>
          </div>
          <Form
            action="/account/identities/unlink"
            submit="Remove"
            of={`${name}, since ${instantText(createdAt)}`}
            hidden={{ id }}
            quiet
          />
        </li>
      ))}
    </ul>
  </section>
);

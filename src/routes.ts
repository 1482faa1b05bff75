import { accountPageRoutes } from './accounts/routes/account-pages.tsx';
import { meRoutes } from './accounts/routes/me.ts';
import { userRoutes } from './administration/routes.ts';
import { auditRoutes } from './audit/routes.ts';
import { docsRoutes, homeRoutes } from './docs/routes.tsx';
import { emailRoutes } from './emails/routes/emails.ts';
import { linkPageRoutes } from './emails/routes/link-pages.tsx';
import type { Features } from './features.ts';
import { flagRoutes } from './flags/routes.ts';
import { createForkRoutes } from './fork/fork.ts';
import { healthRoutes, livenessRoute } from './health/routes.ts';
import { introspectionRoutes } from './introspection/routes.ts';
import { devMailboxRoutes } from './mail/routes.tsx';
import { metricsRoutes } from './metrics/routes.ts';
import { passwordRoutes } from './passwords/routes.ts';
import type { Route, Web } from './platform/http/route.ts';
import { roleRoutes } from './roles/routes.ts';
import { sessionRoutes, type WellKnown, wellKnownRoutes } from './sessions/routes.ts';
import { identityRoutes, ssoRoutes } from './sso/routes.tsx';
import { uploadRoutes } from './uploads/routes.ts';

type Beside = WellKnown & { readonly asset: (path: string) => Promise<Response> };

/** The paths whose answers people read, failures included. */
export const pagePaths = [
  '/.well-known/change-password',
  '/account/*',
  '/auth/renew',
  '/forgot-password',
  '/reset-password',
  '/restore-email',
  '/verify-email/*',
] as const;

/** How the paths of a fork's own routes begin, and no path of ours. */
export const forkPath = '/api/';

/** Every route, in the order in which paths are matched. */
export const createRoutes = (features: Features, web: Web, { jwks, asset }: Beside): readonly Route[] => {
  const { accounts, sessions, passwords, emails, sso, administration, roles, audit, uploads } = features;
  const { environment, flags, jwt } = web.config;
  const { mailbox } = features.mail;
  // Pages log in by cookies; without cookies there are no pages.
  const hasPages = jwt.locations.cookie;
  return [
    livenessRoute,
    ...homeRoutes({ strict: environment.strict, hasPages, hasMailbox: mailbox !== null }, web),
    ...healthRoutes(features.health),
    ...docsRoutes({ asset }, web),
    ...flagRoutes(flags),
    ...wellKnownRoutes({ jwks }, web),
    ...sessionRoutes({ accounts, sessions }, web),
    ...introspectionRoutes(features.introspection),
    ...passwordRoutes(passwords, web),
    ...emailRoutes(emails, web),
    ...meRoutes(accounts, web),
    ...identityRoutes(sso),
    ...userRoutes({ administration, uploads }),
    ...roleRoutes(roles),
    ...auditRoutes(audit),
    ...uploadRoutes(uploads, web),
    ...(hasPages ? ssoRoutes({ sso, sessions }, web) : []),
    ...(hasPages ? accountPageRoutes({ accounts, sessions, passwords, emails, sso }, web) : []),
    ...(hasPages ? linkPageRoutes({ passwords, emails }, web) : []),
    ...(features.metrics ? metricsRoutes(features.metrics) : []),
    // Local environments only: mails are captured nowhere else.
    ...(mailbox ? devMailboxRoutes({ mailbox }, web) : []),
    ...createForkRoutes(features.fork, web),
  ];
};

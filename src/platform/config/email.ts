import { ownOrigin } from './origins.ts';
import { requireEach, type Scope } from './resolve.ts';
import { Secret } from './secret.ts';

export type AwsConfig = {
  readonly region: string;
  readonly accessKeyId: Secret;
  readonly secretAccessKey: Secret;
};

export type EmailProviderConfig =
  | { readonly kind: 'resend'; readonly apiKey: Secret; readonly from: string }
  | { readonly kind: 'ses'; readonly aws: AwsConfig; readonly from: string }
  /** SMTP over TLS; the account is the sender. */
  | {
      readonly kind: 'gmail';
      readonly user: string;
      readonly password: Secret;
      readonly host: string;
      readonly port: number;
    }
  /** Sends nothing: shows the mail to the developer. Never strict. */
  | { readonly kind: 'capture'; readonly from: string | null; readonly mailboxUrl: string };

/** The AWS account, for a service that needs one. */
export const readAws = (scope: Scope, service: 'ses' | 's3'): AwsConfig => {
  const {
    AWS_REGION: region = '',
    AWS_ACCESS_KEY_ID: accessKeyId = new Secret(''),
    AWS_SECRET_ACCESS_KEY: secretAccessKey = new Secret(''),
  } = scope.settings;
  const names = ['AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] as const;
  requireEach(scope, `is required by ${service}`, names);
  return { region, accessKeyId, secretAccessKey };
};

const chooseProvider = ({ settings, strict, given, wrong }: Scope): EmailProviderConfig['kind'] => {
  const isChosen = given.has('EMAIL_PROVIDER') && !wrong.has('EMAIL_PROVIDER');
  if (!isChosen && !strict && !settings.RESEND_API_KEY) return 'capture';
  // `smtp` is what older configurations call the same account.
  return settings.EMAIL_PROVIDER === 'smtp' ? 'gmail' : settings.EMAIL_PROVIDER;
};

const readProvider = (scope: Scope): EmailProviderConfig => {
  const { settings, strict, given, problem } = scope;
  const { FROM_EMAIL: from = '', RESEND_API_KEY: apiKey = new Secret('') } = settings;
  const kind = chooseProvider(scope);
  switch (kind) {
    case 'resend': {
      requireEach(scope, 'is required by resend', ['RESEND_API_KEY', 'FROM_EMAIL']);
      return { kind, apiKey, from };
    }
    case 'ses': {
      requireEach(scope, 'is required by ses', ['FROM_EMAIL']);
      return { kind, aws: readAws(scope, kind), from };
    }
    case 'gmail': {
      const { GMAIL_USER: user = '', GMAIL_APP_PASSWORD: password = new Secret('') } = settings;
      if (given.has('FROM_EMAIL'))
        problem('FROM_EMAIL', 'must not be set with gmail, which sends from its own account');
      requireEach(scope, 'is required by gmail', ['GMAIL_USER', 'GMAIL_APP_PASSWORD']);
      return { kind, user, password, host: settings.SMTP_HOST, port: settings.SMTP_PORT };
    }
    case 'capture': {
      if (strict) problem('EMAIL_PROVIDER', 'capture sends nothing and is for local environments only');
      return { kind, from: settings.FROM_EMAIL ?? null, mailboxUrl: `${ownOrigin(settings)}/dev/mailbox` };
    }
  }
};

export const readEmail = (scope: Scope) =>
  ({
    verification: scope.settings.EMAIL_VERIFICATION,
    provider: readProvider(scope),
    /** Mails of all kinds that one mailbox gets. */
    recipientBudget: {
      hourlyMax: scope.settings.MAIL_RECIPIENT_HOURLY_MAX,
      dailyMax: scope.settings.MAIL_RECIPIENT_DAILY_MAX,
    },
  }) as const;

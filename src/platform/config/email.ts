import { type AwsConfig, readAws } from './aws.ts';
import type { Scope } from './scope.ts';
import { Secret } from './secret.ts';
import type { Settings } from './settings.ts';
import { value } from './values.ts';

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
  | { readonly kind: 'capture'; readonly from: string | null };

export type EmailConfig = {
  readonly verification: 'off' | 'optional' | 'required';
  readonly provider: EmailProviderConfig;
  /** Mails that one mailbox gets, over all kinds of mail and whatever causes them. */
  readonly recipientBudget: { readonly hourlyMax: number; readonly dailyMax: number };
};

const address = /^[^\s@<>"(),:;[\]\\]{1,64}@[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/i;

export const emailAddress = value((given, fail) =>
  address.test(given) ? given : fail('must be an e-mail address'),
);

/** A bare address, or a display name with the address in angle brackets (RFC 5322 section 3.4). */
export const mailbox = value((given, fail) => {
  const bare = /^[^<>]{1,100}<([^<>]+)>$/.exec(given)?.[1] ?? given;
  return address.test(bare) ? given : fail('must be an e-mail address, or a name and the address in <>');
});

const chooseProvider = (settings: Settings, { strict }: Scope): EmailProviderConfig['kind'] => {
  const { EMAIL_PROVIDER: chosen, RESEND_API_KEY: key } = settings;
  // `smtp` is what older configurations call the same account.
  if (chosen === 'smtp') return 'gmail';
  return chosen ?? (strict || key ? 'resend' : 'capture');
};

const readProvider = (settings: Settings, scope: Scope): EmailProviderConfig => {
  const { strict, given, problem } = scope;
  const kind = chooseProvider(settings, scope);

  const sender = (): string => {
    if (!settings.FROM_EMAIL) problem('FROM_EMAIL', `is required by ${kind}`);
    return settings.FROM_EMAIL ?? '';
  };

  switch (kind) {
    case 'resend': {
      if (!settings.RESEND_API_KEY) problem('RESEND_API_KEY', 'is required by resend');
      return { kind, apiKey: settings.RESEND_API_KEY ?? new Secret(''), from: sender() };
    }
    case 'ses':
      return { kind, aws: readAws(settings, kind, scope), from: sender() };
    case 'gmail': {
      const { GMAIL_USER: user, GMAIL_APP_PASSWORD: password, SMTP_HOST: host, SMTP_PORT: port } = settings;
      if (given.has('FROM_EMAIL'))
        problem('FROM_EMAIL', 'must not be set with gmail, which sends from its own account');
      if (!user) problem('GMAIL_USER', 'is required by gmail');
      if (!password) problem('GMAIL_APP_PASSWORD', 'is required by gmail');
      return { kind, user: user ?? '', password: password ?? new Secret(''), host, port };
    }
    case 'capture': {
      if (strict) problem('EMAIL_PROVIDER', 'capture sends nothing and is for local environments only');
      return { kind, from: settings.FROM_EMAIL ?? null };
    }
  }
};

export const readEmail = (settings: Settings, scope: Scope): EmailConfig => ({
  verification: settings.EMAIL_VERIFICATION,
  provider: readProvider(settings, scope),
  recipientBudget: {
    hourlyMax: settings.MAIL_RECIPIENT_HOURLY_MAX,
    dailyMax: settings.MAIL_RECIPIENT_DAILY_MAX,
  },
});

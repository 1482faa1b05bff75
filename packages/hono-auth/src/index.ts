// Named one by one: what is listed here is the public surface of the package.
export type { Auth, AuthVariables, OfflineAuth, OnlineAuth } from './auth.ts';
export { type ItsorAuthOptions, itsorAuth, requirePermission, requireUser } from './middleware.ts';
export type { OfflineOptions } from './offline.ts';
export type { OnlineOptions } from './online.ts';
export type {
  AuthService,
  Client,
  FieldError,
  LoggedIn,
  Login,
  LogoutScope,
  Refused,
  SignedUp,
  SignUp,
  Tokens,
  User,
  Verified,
} from './service.ts';

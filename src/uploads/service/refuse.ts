import { AppError } from '../../platform/errors.ts';

/** In the place of what takes files where there is no scanner. What was clean before stays within reach. */
export const refuseUploads = async (): Promise<never> => {
  throw new AppError('uploads_disabled', { retryAfterSeconds: 3600 });
};

/** In the place of a route that another configuration has. */
export const nothingHere = async (): Promise<never> => {
  throw new AppError('not_found');
};

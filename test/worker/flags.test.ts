import { expect, it } from 'vitest';
import { createClient } from '../support/worker/client.ts';
import { countRoundTrips } from '../support/worker/database.ts';

it('GET /flags lists every flag from the configuration, without a database round trip', async () => {
  const read = async (variables: Record<string, string>) =>
    (await createClient(variables)('GET', '/flags')).json();
  expect(await countRoundTrips(() => read({}))).toBe(0);
  expect(await read({})).toEqual({ experimental_caching: false, new_dashboard_widgets: false });
  expect(await read({ FLAG_EXPERIMENTAL_CACHING: 'on' })).toEqual({
    experimental_caching: true,
    new_dashboard_widgets: false,
  });
});

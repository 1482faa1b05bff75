import { Hono } from 'hono';

const account = { id: '00000000-0000-7000-8000-000000000000', email: 'account@example.com', roles: ['user'] };

/** The least that a Worker with Hono can do: what it takes is the cost of workerd, and not of an account backend. */
export default new Hono().get('/healthz', (c) => c.text('ok')).get('/auth/me', (c) => c.json(account));

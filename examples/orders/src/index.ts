import { itsorAuth, requirePermission, requireUser } from '@itsor/hono-auth';
import { Hono } from 'hono';
import { csrf } from 'hono/csrf';
import { secureHeaders } from 'hono/secure-headers';
import { type OrdersEnv, sessionCookie } from './env.ts';
import { sessionRoutes } from './session.tsx';

const app = new Hono<OrdersEnv>();

app.use(secureHeaders(), csrf(), itsorAuth({ binding: 'AUTH', cookie: sessionCookie }));

app.get('/', (c) => {
  const auth = c.get('auth');
  return c.text(auth ? `Hello ${auth.user.email}` : 'Hello stranger');
});

app.get('/orders', requireUser(), (c) => {
  const { userId } = c.get('auth');
  return c.json({ owner: userId, orders: [{ id: 1, title: 'A chair' }] });
});

// A permission that Itsor has. Which of your data a person may see is a rule of your own app.
app.get('/customers', requirePermission('users:read'), (c) =>
  c.json({ seenBy: c.get('auth').user.email, customers: ['Ada', 'Grace'] }),
);

app.route('/', sessionRoutes);

export default app;

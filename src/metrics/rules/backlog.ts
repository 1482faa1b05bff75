/** Work that waits. What is overdue should have begun so many seconds ago; 0 where nothing is. */
export type Backlog = {
  readonly mails: { readonly waiting: number; readonly delayed: number };
  readonly uploads: { readonly pending: number; readonly scanning: number };
  readonly overdueSeconds: { readonly mail: number; readonly upload: number };
};

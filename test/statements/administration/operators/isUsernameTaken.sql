select from users where users.username = $1;
-- parameters
--   $1  text  'person'

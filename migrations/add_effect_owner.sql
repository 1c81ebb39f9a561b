-- Whose lease it is: a process's, made anew at each start. A lease of a process that does not run its effect is free.
ALTER TABLE effects ADD COLUMN claimed_by TEXT;

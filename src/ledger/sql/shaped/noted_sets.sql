-- One row per set of edges and code path in it of which there is more to say than how it changes.
-- Why: as many edges as there are, they are looked through for these few paths alone, before it is asked which tests have them.
-- Reads: ran_code, noted_code.
SELECT ran_code.set_key, ran_code.path_key
FROM ran_code
INNER JOIN noted_code ON ran_code.path_key = noted_code.path_key

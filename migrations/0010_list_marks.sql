-- Marks in the lists of an app's resources, so that a list is counted, and a page far behind its start is found, without
-- walking along all of it. They follow from the other tables and are made anew when the database is opened.

CREATE TABLE list_marks (
    app    TEXT   NOT NULL,
    kind   TEXT   NOT NULL, -- User or Group
    behind TEXT   NOT NULL, -- the mark stands behind this id; empty: before all
    listed BIGINT NOT NULL, -- how many resources stand between it and the next mark
    PRIMARY KEY (app, kind, behind)
);

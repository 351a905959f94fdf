-- Who answered last under a meter's name, where that is read: its serial number or device name.
CREATE TABLE serials (
    meter INTEGER PRIMARY KEY,
    serial TEXT NOT NULL
);

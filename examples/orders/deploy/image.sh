#!/bin/sh
# image.sh BINARY ROOT: puts a binary as it is installed, and what it loads, into an empty tree.
set -eu
binary=$1
root=$2
mkdir -p "$root/usr/local/bin"
cp "$binary" "$root/usr/local/bin/"
for library in $(ldd "$binary" | grep -o '/[^ ]*' | sort -u); do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
done

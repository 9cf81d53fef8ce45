// Verifies an exported bundle with golang.org/x/mod/sumdb: tlog for the tree, note for the signature. Of ours it
// knows the file layout only, which is that of c2sp.org/tlog-tiles.
//
// Usage: verify BUNDLE PUBLIC-KEY [OLDER-CHECKPOINT-FILE]
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// tiles reads the tiles of a bundle.
type tiles string

func (tiles) Height() int                        { return 8 }
func (tiles) SaveTiles([]tlog.Tile, [][]byte)    {}
func (dir tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range wanted {
		// Go writes the height of tiles into the path: tile/8/0/000.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		bytes, err := os.ReadFile(filepath.Join(string(dir), path))
		if err != nil {
			return nil, err
		}
		all = append(all, bytes)
	}
	return all, nil
}

func open(path string, verifiers note.Verifiers) tlog.Tree {
	bytes, err := os.ReadFile(path)
	must(err)
	opened, err := note.Open(bytes, verifiers)
	must(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: root}
}

func main() {
	bundle := os.Args[1]
	verifier, err := note.NewVerifier(os.Args[2])
	must(err)
	tree := open(filepath.Join(bundle, "checkpoint"), note.VerifierList(verifier))
	reader := tlog.TileHashReader(tree, tiles(bundle))

	// The root over the facts themselves, computed by Go's own code from nothing but the entry tiles.
	var stored []tlog.Hash
	memory := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var hashes []tlog.Hash
		for _, index := range indexes {
			hashes = append(hashes, stored[index])
		}
		return hashes, nil
	})
	var count int64
	for index := int64(0); count < tree.N; index++ {
		tile := tlog.Tile{H: 8, L: 0, N: index, W: int(min(256, tree.N-count))}
		path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
		bytes, err := os.ReadFile(filepath.Join(bundle, path))
		must(err)
		for len(bytes) > 0 {
			length := binary.BigEndian.Uint16(bytes)
			hashes, err := tlog.StoredHashes(count, bytes[2:2+length], memory)
			must(err)
			stored = append(stored, hashes...)
			bytes = bytes[2+length:]
			count++
		}
	}
	computed, err := tlog.TreeHash(tree.N, memory)
	must(err)
	if computed != tree.Hash {
		must(fmt.Errorf("the facts give the root %v, signed is %v", computed, tree.Hash))
	}

	// Inclusion proofs made from the hash tiles, which the reader authenticates against the signed root.
	for index := int64(0); index < tree.N; index += 97 {
		proof, err := tlog.ProveRecord(tree.N, index, reader)
		must(err)
		leaf := stored[tlog.StoredHashIndex(0, index)]
		must(tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf))
	}
	if len(os.Args) > 3 {
		older := open(os.Args[3], note.VerifierList(verifier))
		proof, err := tlog.ProveTree(tree.N, older.N, reader)
		must(err)
		must(tlog.CheckTree(proof, tree.N, tree.Hash, older.N, older.Hash))
	}
	fmt.Printf("%d facts verified\n", count)
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

// Go's own readers of notes and trees, over what titer wrote: the public key, the folder of checkpoints, the bundle, proofs.
package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error, what string) {
	if err != nil {
		fmt.Fprintln(os.Stderr, what+":", err)
		os.Exit(1)
	}
}

// open checks the signature and gives size and root.
func open(text string, verifiers note.Verifiers) (int64, tlog.Hash) {
	opened, err := note.Open([]byte(text), verifiers)
	must(err, "note")
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err, "size")
	root, err := tlog.ParseHash(lines[2])
	must(err, "root")
	return size, root
}

func main() {
	verifier, err := note.NewVerifier(os.Args[1])
	must(err, "key")
	verifiers := note.VerifierList(verifier)
	bundle, err := os.Open(os.Args[3])
	must(err, "bundle")
	lines := bufio.NewScanner(bundle)
	lines.Buffer(make([]byte, 1<<22), 1<<22)
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, at := range indexes {
			out = append(out, stored[at])
		}
		return out, nil
	})
	var leaves []tlog.Hash
	for lines.Scan() {
		hashes, err := tlog.StoredHashes(int64(len(leaves)), lines.Bytes(), reader)
		must(err, "stored")
		stored = append(stored, hashes...)
		leaves = append(leaves, tlog.RecordHash(lines.Bytes()))
	}
	names, err := filepath.Glob(filepath.Join(os.Args[2], "*"))
	must(err, "checkpoints")
	roots := map[int64]tlog.Hash{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		must(err, name)
		size, root := open(string(text), verifiers)
		own, err := tlog.TreeHash(size, reader)
		must(err, "tree")
		if own != root {
			must(fmt.Errorf("%v is not %v", root, own), name)
		}
		roots[size] = root
	}
	for old, oldRoot := range roots {
		for size, root := range roots {
			if old <= size {
				proof, err := tlog.ProveTree(size, old, reader)
				must(err, "consistency")
				must(tlog.CheckTree(proof, size, root, old, oldRoot), "consistency")
			}
		}
	}
	for _, name := range os.Args[4:] {
		text, err := os.ReadFile(name)
		must(err, name)
		head, checkpoint, _ := strings.Cut(string(text), "\n\n")
		words := strings.Split(head, "\n")
		if words[0] != "c2sp.org/tlog-proof@v1" {
			must(fmt.Errorf("%q", words[0]), name)
		}
		index, err := strconv.ParseInt(strings.TrimPrefix(words[1], "index "), 10, 64)
		must(err, name)
		var proof tlog.RecordProof
		for _, word := range words[2:] {
			bytes, err := base64.StdEncoding.DecodeString(word)
			must(err, name)
			var hash tlog.Hash
			copy(hash[:], bytes)
			proof = append(proof, hash)
		}
		size, root := open(checkpoint, verifiers)
		must(tlog.CheckRecord(proof, size, root, index, leaves[index]), name)
	}
	fmt.Printf("%d leaves, %d checkpoints, %d proofs\n", len(leaves), len(roots), len(os.Args)-4)
}

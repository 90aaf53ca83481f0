// Remnawave in Go: verifies the bytes that came, then wants the types that the panel of the
// documentation sends (a counter as a string).
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
)

type payload struct {
	Event     string          `json:"event"`
	Timestamp string          `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

type user struct {
	UUID             string  `json:"uuid"`
	Username         string  `json:"username"`
	UsedTrafficBytes string  `json:"usedTrafficBytes"`
	Description      *string `json:"description"`
}

var secret = []byte(os.Getenv("WEBHOOK_SECRET"))

func signed(body []byte, signature string) bool {
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(signature))
}

func handle(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "Error reading body", http.StatusBadRequest)
		return
	}
	if !signed(body, r.Header.Get("X-Remnawave-Signature")) {
		http.Error(w, "Invalid signature", http.StatusUnauthorized)
		return
	}
	var p payload
	err = json.Unmarshal(body, &p)
	if err != nil || p.Timestamp != r.Header.Get("X-Remnawave-Timestamp") {
		http.Error(w, "Error parsing payload", http.StatusBadRequest)
		return
	}
	var u user
	if err := json.Unmarshal(p.Data, &u); err != nil {
		http.Error(w, "Error parsing user data", http.StatusBadRequest)
		return
	}
	w.Write([]byte(p.Event + " " + u.Username))
}

func main() {
	http.HandleFunc("/webhook", handle)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}

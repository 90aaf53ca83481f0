// A client made by oapi-codegen. Its environment, and what it has to print: test_clients.py.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"client/posthorn"
)

var (
	client *posthorn.ClientWithResponses
	ctx    = context.Background()
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// must is the answer; the program ends with what the problem is if there is none.
func must[T any](answer *T, body []byte) *T {
	if answer == nil {
		log.Fatalf("This should not have been a problem: %s", body)
	}
	return answer
}

func until(what string, ask func() bool) {
	for end := time.Now().Add(30 * time.Second); !ask(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			log.Fatal("No end of the wait for ", what)
		}
	}
}

func pages(webhook string) (sizes []int, found []posthorn.ListedDelivery) {
	limit := 2
	params := posthorn.ListDeliveriesParams{Limit: &limit}
	for {
		answer, err := client.ListDeliveriesWithResponse(ctx, webhook, &params)
		check(err)
		page := must(answer.JSON200, answer.Body)
		sizes = append(sizes, len(page.Data))
		found = append(found, page.Data...)
		if page.NextCursor == nil {
			return sizes, found
		}
		params.Cursor = page.NextCursor
	}
}

func main() {
	var err error
	client, err = posthorn.NewClientWithResponses(os.Getenv("POSTHORN_URL")+"/v1",
		posthorn.WithRequestEditorFn(func(_ context.Context, request *http.Request) error {
			request.Header.Set("Authorization", "Bearer "+os.Getenv("POSTHORN_KEY"))
			return nil
		}))
	check(err)

	var auth posthorn.Auth
	check(auth.FromAuthBearer(posthorn.AuthBearer{Type: posthorn.AuthBearerTypeBearer, Token: "open-sesame"}))
	description, serialiser, timeout := "of a test", posthorn.ProfileOptionsJsonPython, 5000
	created, err := client.CreateWebhookWithResponse(ctx, nil, posthorn.WebhookCreate{
		Url:            os.Getenv("RECEIVER_URL"),
		Events:         []string{"client.*"},
		Auth:           &auth,
		ProfileOptions: &posthorn.ProfileOptions{Json: &serialiser},
		RetrySchedule:  &posthorn.RetrySchedule{},
		TimeoutMs:      &timeout,
		Metadata:       &posthorn.Metadata{"client": "oapi-codegen"},
		Description:    &description,
	})
	check(err)
	webhook := must(created.JSON201, created.Body)

	data := map[string]any{"n": 1, "price": 10.5, "name": "José 😀", "nested": map[string]any{"list": []any{1, "two", true}}}
	published, err := client.PublishEventWithResponse(ctx, &posthorn.PublishEventParams{IdempotencyKey: &webhook.Id},
		posthorn.EventCreate{Type: "client.one", Data: data})
	check(err)
	events := []string{must(published.JSON202, published.Body).Id}
	var many []posthorn.BatchedEvent
	for n := 1; n <= 4; n++ {
		many = append(many, posthorn.BatchedEvent{Type: "client.many", Data: map[string]any{"n": n}})
	}
	batch, err := client.PublishEventsWithResponse(ctx, nil, posthorn.EventBatch{Events: many})
	check(err)
	for _, accepted := range must(batch.JSON202, batch.Body).Data {
		events = append(events, accepted.Id)
	}

	var sizes []int
	var deliveries []string
	var failed string
	until("the deliveries", func() bool {
		var found []posthorn.ListedDelivery
		sizes, found = pages(webhook.Id)
		deliveries = nil
		for _, delivery := range found {
			if delivery.Status == posthorn.DeliveryStatusPending {
				return false
			}
			if delivery.Status == posthorn.DeliveryStatusFailed {
				failed = delivery.Id
			}
			deliveries = append(deliveries, delivery.Id)
		}
		return len(found) == 5
	})

	again, err := client.RetryDeliveryWithResponse(ctx, failed, nil)
	check(err)
	retried := must(again.JSON202, again.Body)
	until("the retry", func() bool {
		now, err := client.GetDeliveryWithResponse(ctx, retried.Id, nil)
		check(err)
		return must(now.JSON200, now.Body).Status == posthorn.DeliveryStatusDelivered
	})
	tried, err := client.ListAttemptsWithResponse(ctx, retried.Id, nil)
	check(err)
	var attempts [][]any
	for _, attempt := range must(tried.JSON200, tried.Body).Data {
		var code *posthorn.FailureCode
		if attempt.Error != nil {
			code = &attempt.Error.Code
		}
		attempts = append(attempts, []any{attempt.Number, attempt.Status, attempt.ResponseCode, code})
	}

	// An optional member cannot be null in these structs: what brings a default back is sent as JSON.
	updated, err := client.UpdateWebhookWithBodyWithResponse(ctx, webhook.Id, nil, "application/json",
		strings.NewReader(`{"status": "paused", "description": null}`))
	check(err)
	changed := must(updated.JSON200, updated.Body)
	refused, err := client.CreateWebhookWithResponse(ctx, nil, posthorn.WebhookCreate{Url: "ftp://example.com/", Events: []string{"*"}})
	check(err)
	invalid := must(refused.ApplicationproblemJSON422, refused.Body)
	var fields []string
	for _, wrong := range *invalid.Errors {
		fields = append(fields, wrong.Field)
	}
	gone, err := client.DeleteWebhookWithResponse(ctx, webhook.Id, nil)
	check(err)
	unknown, err := client.GetWebhookWithResponse(ctx, webhook.Id, nil)
	check(err)
	missing := must(unknown.ApplicationproblemJSON404, unknown.Body)

	said, err := json.Marshal(map[string]any{
		"webhook":    webhook.Id,
		"secret":     webhook.Secret,
		"auth":       webhook.Auth,
		"events":     events,
		"pages":      sizes,
		"deliveries": deliveries,
		"retried":    retried.Id,
		"attempts":   attempts,
		"changed":    changed,
		"deleted":    gone.StatusCode(),
		"invalid":    []any{invalid.Status, invalid.Code, fields},
		"missing":    []any{missing.Status, missing.Code},
	})
	check(err)
	fmt.Println(string(said))
}

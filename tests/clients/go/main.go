// A client made by openapi-generator's go. Its environment, and what it has to print: test_clients.py.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	posthorn "client/client"
)

var (
	client *posthorn.APIClient
	ctx    context.Context
)

// must is the answer; the program ends if there is none.
func must[T any](answer *T, _ any, err error) *T {
	if err != nil {
		log.Fatal(err)
	}
	return answer
}

// problem is what an answer that is not 2xx says.
func problem(_ any, _ any, err error) posthorn.Problem {
	var failed *posthorn.GenericOpenAPIError
	if !errors.As(err, &failed) {
		log.Fatalf("This should have been a problem: %v", err)
	}
	return failed.Model().(posthorn.Problem)
}

func until(what string, ask func() bool) {
	for end := time.Now().Add(30 * time.Second); !ask(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			log.Fatal("No end of the wait for ", what)
		}
	}
}

func pages(webhook string) (sizes []int, found []posthorn.ListedDelivery) {
	ask := client.DeliveriesAPI.ListDeliveries(ctx, webhook).Limit(2)
	for {
		page := must(ask.Execute())
		sizes = append(sizes, len(page.Data))
		found = append(found, page.Data...)
		if !page.NextCursor.IsSet() || page.NextCursor.Get() == nil {
			return sizes, found
		}
		ask = ask.Cursor(*page.NextCursor.Get())
	}
}

func main() {
	configuration := posthorn.NewConfiguration()
	configuration.Servers = posthorn.ServerConfigurations{{URL: os.Getenv("POSTHORN_URL") + "/v1"}}
	client = posthorn.NewAPIClient(configuration)
	ctx = context.WithValue(context.Background(), posthorn.ContextAccessToken, os.Getenv("POSTHORN_KEY"))

	create := posthorn.NewWebhookCreate(os.Getenv("RECEIVER_URL"), []string{"client.*"})
	create.SetAuth(posthorn.AuthBearerAsAuth(posthorn.NewAuthBearer("bearer", "open-sesame")))
	options := posthorn.NewProfileOptions()
	options.SetJson("python")
	create.SetProfileOptions(*options)
	create.SetRetrySchedule([]int32{})
	create.SetTimeoutMs(5000)
	create.SetMetadata(map[string]string{"client": "go"})
	create.SetDescription("of a test")
	webhook := must(client.WebhooksAPI.CreateWebhook(ctx).WebhookCreate(*create).Execute())

	data := map[string]any{"n": 1, "price": 10.5, "name": "José 😀", "nested": map[string]any{"list": []any{1, "two", true}}}
	event := must(client.EventsAPI.PublishEvent(ctx).IdempotencyKey(webhook.Id).EventCreate(*posthorn.NewEventCreate("client.one", data)).Execute())
	var many []posthorn.BatchedEvent
	for n := 1; n <= 4; n++ {
		many = append(many, *posthorn.NewBatchedEvent("client.many", map[string]any{"n": n}))
	}
	batch := must(client.EventsAPI.PublishEvents(ctx).EventBatch(*posthorn.NewEventBatch(many)).Execute())
	events := []string{event.Id}
	for _, accepted := range batch.Data {
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
			if delivery.Status == posthorn.DELIVERYSTATUS_PENDING {
				return false
			}
			if delivery.Status == posthorn.DELIVERYSTATUS_FAILED {
				failed = delivery.Id
			}
			deliveries = append(deliveries, delivery.Id)
		}
		return len(found) == 5
	})

	retried := must(client.DeliveriesAPI.RetryDelivery(ctx, failed).Execute())
	until("the retry", func() bool {
		return must(client.DeliveriesAPI.GetDelivery(ctx, retried.Id).Execute()).Status == posthorn.DELIVERYSTATUS_DELIVERED
	})
	var attempts [][]any
	for _, attempt := range must(client.DeliveriesAPI.ListAttempts(ctx, retried.Id).Execute()).Data {
		var code *posthorn.FailureCode
		if failure := attempt.Error.Get(); failure != nil {
			code = &failure.Code
		}
		attempts = append(attempts, []any{attempt.Number, attempt.Status, attempt.ResponseCode.Get(), code})
	}

	change := posthorn.NewWebhookUpdate()
	change.SetStatus(posthorn.WEBHOOKSTATUS_PAUSED)
	change.SetDescriptionNil()
	changed := must(client.WebhooksAPI.UpdateWebhook(ctx, webhook.Id).WebhookUpdate(*change).Execute())
	invalid := problem(client.WebhooksAPI.CreateWebhook(ctx).WebhookCreate(*posthorn.NewWebhookCreate("ftp://example.com/", []string{"*"})).Execute())
	var fields []string
	for _, wrong := range invalid.Errors {
		fields = append(fields, wrong.Field)
	}
	gone, err := client.WebhooksAPI.DeleteWebhook(ctx, webhook.Id).Execute()
	if err != nil {
		log.Fatal(err)
	}
	missing := problem(client.WebhooksAPI.GetWebhook(ctx, webhook.Id).Execute())

	said, err := json.Marshal(map[string]any{
		"webhook":    webhook.Id,
		"secret":     webhook.Secret,
		"auth":       webhook.Auth.Get(),
		"events":     events,
		"pages":      sizes,
		"deliveries": deliveries,
		"retried":    retried.Id,
		"attempts":   attempts,
		"changed":    changed,
		"deleted":    gone.StatusCode,
		"invalid":    []any{invalid.Status, invalid.Code, fields},
		"missing":    []any{missing.Status, missing.Code},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(said))
}
